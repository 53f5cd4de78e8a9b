"""What a study of detection leaves."""
