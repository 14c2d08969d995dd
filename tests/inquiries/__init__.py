"""Privacy inquiries."""
