"""Tables of metrics and sheets of ranked examples."""

import numpy as np

from s2c_jax.evaluation import tables


def test_table_aligns_its_columns_and_marks_missing_metrics():
    text = tables.table(
        {"the sketch itself": {"mae": 0.25, "fid": 123.4}, "step 7": {"psnr": 20.5, "mae": 0.125}}
    )
    *rows, _, legend = text.splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0] == ["", "MAE", "PSNR", "FID"]
    assert cells[2] == ["the sketch itself", "0.2500", "-", "123.4000"]
    assert cells[3] == ["step 7", "0.1250", "20.5000", "-"]
    assert len({len(row) for row in rows}) == 1
    assert legend.startswith("PSNR and SSIM are better the higher")


def test_ranked_sheet_takes_best_median_and_worst_examples(validation, monkeypatch):
    shown = []

    def read(source, indices):
        shown.append(list(indices))
        picture = np.full((len(indices), 16, 16, 3), 255, np.uint8)
        return {"sketch": picture, "color": picture}

    monkeypatch.setattr(tables.input_pipeline, "read_pairs", read)
    monkeypatch.setattr(tables, "_EXAMPLES", 2)
    tables.ranked_sheet(lambda sketches: sketches, validation, [5, 3, 1, 0, 2, 4])
    assert shown == [[5, 3], [1, 0], [4, 2]]
