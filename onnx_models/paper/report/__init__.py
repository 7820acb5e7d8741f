"""Tables, figures and the verdict on every claim, from the data of the campaigns."""
