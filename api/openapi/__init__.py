"""The OpenAPI document: schemas, examples and their assembly."""
