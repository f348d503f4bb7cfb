"""Models of other libraries: what these say of their weights, and how weights come here.

Both modules are programs that run by path, in an environment that has the library in
question, and load nothing of the platform.
"""
