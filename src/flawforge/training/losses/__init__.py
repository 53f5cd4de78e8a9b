"""Adversarial losses and differentiable augmentation."""
