"""What the people who run this installation see."""
