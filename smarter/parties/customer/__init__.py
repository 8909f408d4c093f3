"""The customer: enrols with their meter, unwraps the seal keys that it made for them, opens its frames, states things.

Nothing of theirs goes back to any other party: what they open stays in the process that they work in.
"""

from smarter.parties.customer.customer import Customer
from smarter.parties.customer.enrolling import Enrolling
from smarter.parties.customer.own_readings import OwnReadings
from smarter.parties.customer.secrets import CustomerSecrets
from smarter.parties.customer.usage import By, Comparison, Usage, compared, edges_by, gathered, usage_of

__all__ = [
    "By",
    "Comparison",
    "Customer",
    "CustomerSecrets",
    "Enrolling",
    "OwnReadings",
    "Usage",
    "compared",
    "edges_by",
    "gathered",
    "usage_of",
]
