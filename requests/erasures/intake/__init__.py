"""An erasure of the many people that a client's file names: upload, columns, intake by a worker, report."""
