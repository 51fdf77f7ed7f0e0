"""What is to be done when a defect comes to a place down the line: reported ahead, by rules."""
