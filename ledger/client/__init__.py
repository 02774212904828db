"""What a member runs on its own side: writes and signs instructions, sends them, checks what comes back."""
