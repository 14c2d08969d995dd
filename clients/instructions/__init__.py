"""The client's instructions: without one nothing is erased, lifted, shared or packaged (R1)."""
