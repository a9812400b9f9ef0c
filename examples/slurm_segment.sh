#!/bin/bash
# Segment a study with many small jobs, under Slurm: each takes a share of the scans.
#
#     STUDY=/shared/my-study MODEL=first sbatch examples/slurm_segment.sh
#
# The jobs do not wait for each other and need no network between them. Scans that have a result are
# skipped, so the same command continues what was stopped.

#SBATCH --job-name=napari-mcwss-segment
#SBATCH --array=0-19
#SBATCH --gpus=1
#SBATCH --cpus-per-task=4
#SBATCH --time=02:00:00

set -euo pipefail
: "${STUDY:?name the folder of the study}" "${MODEL:?name the model}"

# What torchrun would set: the number of this process, of all, and on its machine.
export RANK=$SLURM_ARRAY_TASK_ID WORLD_SIZE=$SLURM_ARRAY_TASK_COUNT LOCAL_RANK=0
python -m napari_mcwss segment "$STUDY" --model "$MODEL"
