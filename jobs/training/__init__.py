"""What all trainings share: checkpoints, log, curve, progress, and how one begins and ends."""
