"""English as this company writes it."""
