"""Pose estimators on person crops and the making of skeleton files. The runtimes are optional (extra `pose`)."""
