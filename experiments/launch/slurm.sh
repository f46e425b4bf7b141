#!/usr/bin/env bash
# A process for each GPU: JAX gives each of SLURM's tasks the GPU of its number in the node.
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
# Two minutes before the time is over the processes get SIGTERM, and save.
#SBATCH --signal=TERM@120
#SBATCH --requeue
# The log of all starts is one.
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

# sbatch experiments/launch/slurm.sh --config configs/kaggle.py --workdir /shared/runs/kaggle
srun python -m s2c_jax.main --distributed "$@"
status=$?

# 128 + SIGTERM: the run was saved and is not at its end. Whatever else is an error, and is not tried
# again.
if [ "$status" -eq 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
