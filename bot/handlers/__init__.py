"""What happens when a person writes, speaks or taps. A crash may make each run again."""
