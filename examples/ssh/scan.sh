#!/bin/bash
# Scans a checkpoint on several hosts that share a file system, with GNU parallel over ssh:
#   ./scan.sh /scratch/checkpoint-500 /scratch/parts 64 node1,node2,node3
set -euo pipefail
checkpoint=$1
parts=$2
count=$3
hosts=$4
# What an earlier run has finished is in the log and is not done again; what failed is.
parallel --sshlogin "$hosts" --joblog "$parts.log" --resume-failed \
  checkpoint-explorer scan "$checkpoint" --part "{}/$count" --out "$parts" ::: $(seq "$count")
checkpoint-explorer scan --join "$parts"
