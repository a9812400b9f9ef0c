#!/bin/bash
# Train one model on the GPUs of several machines, under Slurm.
#
#     STUDY=/shared/my-study MODEL=first sbatch examples/slurm_train.sh
#
# All machines must have access to the study and its scans. Shortly before the time limit the
# training stops and saves its state. The same command then resumes it; if the model is complete,
# the command continues with segmentation.

#SBATCH --job-name=napari-mcwss
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@300

set -euo pipefail
: "${STUDY:?name the folder of the study}" "${MODEL:?name the model}"
GPUS=${GPUS:-4}

# Resume an unfinished training with its own settings, and do not retrain a complete model.
train=true
if [[ -e "$STUDY/models/.$MODEL.training/resume.pt" ]]; then
    settings=(--resume)
elif [[ -e "$STUDY/models/$MODEL/config.json" ]]; then
    train=false
else
    # The batch size counts the slices of all GPUs together.
    settings=(--device cuda --width 64 --batch-size $((8 * GPUS * SLURM_JOB_NUM_NODES)))
fi

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
if "$train"; then
    srun --kill-on-bad-exit=1 torchrun \
        --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node "$GPUS" \
        --rdzv-backend c10d --rdzv-endpoint "$first:29500" --rdzv-id "$SLURM_JOB_ID" \
        -m napari_mcwss train "$STUDY" --model "$MODEL" "${settings[@]}"
fi

# Each GPU segments a share of the scans.
srun torchrun \
    --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node "$GPUS" \
    --rdzv-backend c10d --rdzv-endpoint "$first:29501" --rdzv-id "$SLURM_JOB_ID-segment" \
    -m napari_mcwss segment "$STUDY" --model "$MODEL" --device cuda
