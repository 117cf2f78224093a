"""Athena's interface as a client uses it, on a server that stands for it: tables are made by the real
statements, whose location alone is another. Nothing here knows what is asked.
"""

import time

import boto3

import statements

BUCKET = "archive"
DATABASE = "hansom"
RESULTS = f"s3://{BUCKET}/_results/"
# What is not done by then never will be.
PATIENCE_SECONDS = 60


class Athena:
    def __init__(self, endpoint):
        access = {
            "endpoint_url": endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        self.s3 = boto3.client("s3", **access)
        self.glue = boto3.client("glue", **access)
        self.athena = boto3.client("athena", **access)

    def load(self, archive):
        """Puts the archive's files and creates its tables.

        The server cannot follow lists. So the tables are registered at the files themselves: the
        statement is the real one, and its location is <archive>/<table>/ instead of
        <archive>/tables/<table>/.
        """
        self.s3.create_bucket(Bucket=BUCKET)
        for table in statements.TABLES:
            for file in sorted(archive.glob(f"{table}/*/*/*.parquet")):
                self.s3.upload_file(str(file), BUCKET, str(file.relative_to(archive)))
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        for table in statements.TABLES:
            create = statements.of_table(table)[0]
            assert create.count("s3://ARCHIVE/tables/") == 2, create
            self.run(create.replace("s3://ARCHIVE/tables/", f"s3://{BUCKET}/"))
            made = self.glue.get_table(DatabaseName=DATABASE, Name=table)["Table"]
            assert [key["Name"] for key in made["PartitionKeys"]] == ["dt", "hour"], made

    def run(self, query):
        """The columns and rows of a query, every value a text or None."""
        begun = self.athena.start_query_execution(
            QueryString=query,
            QueryExecutionContext={"Database": DATABASE},
            ResultConfiguration={"OutputLocation": RESULTS},
        )
        execution = begun["QueryExecutionId"]
        self.wait(execution, query)
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
        rows, columns = [], []
        for page in pages:
            found = page["ResultSet"]
            columns = [column["Name"] for column in found["ResultSetMetadata"]["ColumnInfo"]]
            rows += [[value.get("VarCharValue") for value in row["Data"]] for row in found["Rows"]]
        # The first row names the columns.
        return columns, rows[1:]

    def wait(self, execution, query):
        """Waits until a query is done."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            status = self.athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            assert status["State"] in ("QUEUED", "RUNNING"), f"{status}: {query}"
            time.sleep(0.05)
        raise AssertionError(f"not done within {PATIENCE_SECONDS} s: {query}")
