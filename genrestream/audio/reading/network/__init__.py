"""What network streams need beside FFmpeg."""
