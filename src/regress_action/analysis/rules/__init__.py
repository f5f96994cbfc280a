"""What the judge is told: policy, plan of looks, limits and budgets."""
