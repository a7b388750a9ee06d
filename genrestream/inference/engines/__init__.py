"""Two ways to run a compiled function: through jax, and on XLA's runtime alone, which starts faster."""
