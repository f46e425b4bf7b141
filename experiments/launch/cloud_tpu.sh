#!/usr/bin/env bash
# Runs the training command on each VM of a Cloud TPU slice:
#   NAME=my-slice ZONE=us-west4-a experiments/launch/cloud_tpu.sh \
#       --config configs/kaggle.py --workdir /mnt/shared/runs/kaggle
set -euo pipefail

# Passes all arguments of this script to each process. ssh needs them quoted once more.
printf -v arguments ' %q' "$@"

# Each VM needs the package in ~/s2c_jax with its extra "tpu", and the prepared data. The workdir must
# be on a file system that all VMs mount, such as Filestore.
# --worker=all runs the command on all VMs at once; --distributed finds the others in the VMs' metadata.
gcloud compute tpus tpu-vm ssh "$NAME" --zone="$ZONE" --worker=all \
  --command="cd ~/s2c_jax && .venv/bin/python -m s2c_jax.main --distributed$arguments"
