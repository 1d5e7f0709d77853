"""The Salesforce client, against a scripted org and the emulated one."""
