"""Click-to-mask: a picture is encoded once, each click is decoded in milliseconds."""
