#!/usr/bin/env bash
# One process for each GPU: JAX gives each task of SLURM the GPU with the task's number in the node.
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
# The processes get SIGTERM two minutes before the time limit, and write a checkpoint.
#SBATCH --signal=TERM@120
#SBATCH --requeue
# All starts append to one log.
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

# sbatch experiments/launch/slurm.sh --config configs/kaggle.py --workdir /shared/runs/kaggle
srun python -m s2c_jax.main --distributed "$@"
status=$?

# 143 is 128 + SIGTERM: the run has a checkpoint and is not finished, so start it again. Any other status
# is the end of the run or an error, which another start would not mend.
if [ "$status" -eq 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
