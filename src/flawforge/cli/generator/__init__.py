"""The verbs that take a trained generator further: out of the tool, onto the network, through its latents."""
