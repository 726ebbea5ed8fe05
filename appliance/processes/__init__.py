"""Child processes under the supervisor: kept alive, spared, promoted."""
