"""Controllers (the company's clients): their people, their instructions, their mail drops."""
