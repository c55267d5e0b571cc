"""What pages are made of: charts, pictures, tables, HTML."""
