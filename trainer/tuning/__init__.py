"""What a recipe reports and what its screen lets pass, chosen for what the user aims at, measured on other strip."""
