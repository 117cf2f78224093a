"""Holds schemas/athena/workgroup.json against Athena's own description of its interface, and runs a query
in the workgroup, which says where results go.

Usage: workgroup.py ENDPOINT
"""

import copy
import json
import sys

import botocore.session
from botocore.validate import ParamValidator

import athena
import statements

# What a day of 50 million pings takes at 7 bytes each: a query over all of it must not be cut off.
A_LARGE_DAY = 50_000_000 * 7


def main(endpoint):
    text = (statements.ATHENA / "workgroup.json").read_text()
    wanted = json.loads(text)
    assert problems(wanted) == "", problems(wanted)
    limits = wanted["Configuration"]
    assert limits["EnforceWorkGroupConfiguration"] is True
    assert limits["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert limits["BytesScannedCutoffPerQuery"] > A_LARGE_DAY
    check_that_mistakes_are_seen(wanted)

    server = athena.Athena(endpoint)
    server.s3.create_bucket(Bucket=athena.BUCKET)
    server.athena.create_work_group(**json.loads(text.replace("s3://RESULTS/", athena.RESULTS)))
    made = server.athena.get_work_group(WorkGroup=wanted["Name"])["WorkGroup"]["Configuration"]
    assert made["BytesScannedCutoffPerQuery"] == limits["BytesScannedCutoffPerQuery"], made
    begun = server.athena.start_query_execution(QueryString="SELECT 1 AS one", WorkGroup=wanted["Name"])
    server.wait(begun["QueryExecutionId"], "SELECT 1")
    kept = server.s3.list_objects_v2(Bucket=athena.BUCKET, Prefix="_results/")["KeyCount"]
    assert kept > 0, "no result where the workgroup says"
    print(json.dumps(limits))


def problems(parameters):
    """What Athena's description finds wrong with these parameters of CreateWorkGroup."""
    service = botocore.session.get_session().get_service_model("athena")
    shape = service.operation_model("CreateWorkGroup").input_shape
    return ParamValidator().validate(parameters, shape).generate_report()


def check_that_mistakes_are_seen(wanted):
    few, unknown, unnamed = copy.deepcopy(wanted), copy.deepcopy(wanted), copy.deepcopy(wanted)
    few["Configuration"]["BytesScannedCutoffPerQuery"] = 9_999_999
    unknown["Configuration"]["MaxBytes"] = 1
    del unnamed["Name"]
    for mistake in (few, unknown, unnamed):
        assert problems(mistake), mistake


main(*sys.argv[1:])
