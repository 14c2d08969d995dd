"""Privacy inquiries: what a consumer writes or says to the company itself, and where it goes from here."""
