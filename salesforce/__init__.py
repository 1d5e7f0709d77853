"""The Salesforce API client: OAuth, SOQL text, the wire and its errors; knows no table of ours."""
