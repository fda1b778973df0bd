"""List cleaning: a file in, a verdict on every row, clean and rejected files out."""
