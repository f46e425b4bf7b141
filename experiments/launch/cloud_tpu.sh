#!/usr/bin/env bash
# Runs a command's process on each VM of a Cloud TPU slice:
#   NAME=my-slice ZONE=us-west4-a experiments/launch/cloud_tpu.sh \
#       --config configs/kaggle.py --workdir /mnt/shared/runs/kaggle
set -euo pipefail

# Everything that is given to this script is given to each process, quoted once more for ssh.
printf -v arguments ' %q' "$@"

# --worker=all: on all VMs at once. There the package is installed, in ~/s2c_jax, with its extra
# "tpu", and the data prepared; the workdir is on a file system that all of them mount (Filestore).
# --distributed: the VMs' metadata says who the others are.
gcloud compute tpus tpu-vm ssh "$NAME" --zone="$ZONE" --worker=all \
  --command="cd ~/s2c_jax && .venv/bin/python -m s2c_jax.main --distributed$arguments"
