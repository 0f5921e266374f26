#!/usr/bin/env bash
# Matches an index as a Slurm job array, a chunk a task; then merges.
#
#   settings=(--split all --chunk-size 40000)
#   last=$(($(mispair match indexes/news "${settings[@]}" --list-chunks | wc -l) - 1))
#   match=$(sbatch --parsable --array=0-$last contrib/slurm_match.sh indexes/news parts "${settings[@]}")
#   sbatch --dependency=afterok:$match --wrap 'mispair merge parts/*.part --index indexes/news --out dataset'
#
# A task that is requeued after its node died does its chunk again; a part that is whole is left as it is.
#SBATCH --requeue
#SBATCH --cpus-per-task=2
set -euo pipefail
index=$1 parts=$2
shift 2
exec "${MISPAIR_BIN:-mispair}" match "$index" "$@" --quiet --threads "${SLURM_CPUS_PER_TASK:-2}" \
  --chunk "$SLURM_ARRAY_TASK_ID" --out "$parts/$SLURM_ARRAY_TASK_ID.part"
