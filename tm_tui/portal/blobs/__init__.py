"""Where batches and cases lie: files, or an S3 bucket, behind five calls."""
