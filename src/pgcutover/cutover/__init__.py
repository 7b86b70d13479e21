"""The cutover: journalled steps from the source to the target, and back."""
