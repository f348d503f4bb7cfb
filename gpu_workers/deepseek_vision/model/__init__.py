"""The detector, one part a file.

Letters: B images, C channels, A cells, P prompts, D text dimensions, E the space
where pictures and text meet, T tokens.
"""
