"""Settings of AWS DMS that cannot lose or hide a row of these migrations, each with the reason.

`endpoint.` stands for both endpoints. From the DMS user guide, "Task settings" and its pages, and
"Using a PostgreSQL database" as a source and as a target.
"""

_SPEED = "a size or a number of threads: it changes the speed, not the rows"
_TRANSACTIONS = "decides how many changes are applied together, not which"
_LOB_LIMIT = "the LOB limit of each table is compared with its largest value"
_OTHER_TARGETS = "has an effect only on targets that are not PostgreSQL"
_PENDING = "a table or row that is not validated yet is pending, which DMS-TABLES reports"
_FAILED = "validation ends after failed rows, which DMS-TABLES reports"
_RESTART = "a task that is not restarted any more has stopped, which DMS-TASK reports"
_ESCALATION = (
    "a number of errors; what happens to each is decided by the policies, which are judged"
)
_STATISTICS = "a table of statistics"
_SOURCES = "has an effect on a source only"
_CONNECTION = "where and as whom DMS connects; a wrong value fails the connection test"

HARMLESS = {
    "TargetMetadata.SupportLobs": _LOB_LIMIT,
    "TargetMetadata.FullLobMode": _LOB_LIMIT,
    "TargetMetadata.LimitedSizeLobMode": _LOB_LIMIT,
    "TargetMetadata.LobMaxSize": _LOB_LIMIT,
    "TargetMetadata.LobChunkSize": _SPEED,
    "TargetMetadata.InlineLobMaxSize": "larger values are read from the table one by one",
    "TargetMetadata.LoadMaxFileSize": _SPEED,
    "TargetMetadata.ParallelLoadThreads": _SPEED,
    "TargetMetadata.ParallelLoadBufferSize": _SPEED,
    "TargetMetadata.ParallelLoadQueuesPerThread": _SPEED,
    "TargetMetadata.ParallelApplyThreads": _OTHER_TARGETS,
    "TargetMetadata.ParallelApplyBufferSize": _OTHER_TARGETS,
    "TargetMetadata.ParallelApplyQueuesPerThread": _OTHER_TARGETS,
    "TargetMetadata.TaskRecoveryTableEnabled": "a table for restarting the task",
    "FullLoadSettings.CreatePkAfterFullLoad": "the schema checks compare primary keys",
    "FullLoadSettings.StopTaskCachedChangesApplied": (
        "the task stops after its load on purpose, which its stop reason shows"
    ),
    "FullLoadSettings.MaxFullLoadSubTasks": _SPEED,
    "FullLoadSettings.CommitRate": _SPEED,
    "FullLoadSettings.TransactionConsistencyTimeout": (
        "transactions that are open before the load are judged by it"
    ),
    "Logging.EnableLogContext": "adds details to the log",
    "Logging.CloudWatchLogGroup": "where the log is",
    "Logging.CloudWatchLogStream": "where the log is",
    "Logging.DeleteTaskLogs": "deletes the logs of the instance; those of CloudWatch stay",
    "ControlTablesSettings.ControlSchema": "DMS-EXCEPTIONS finds the tables in any schema",
    "ControlTablesSettings.HistoryTimeslotInMinutes": _STATISTICS,
    "ControlTablesSettings.HistoryTableEnabled": _STATISTICS,
    "ControlTablesSettings.StatusTableEnabled": _STATISTICS,
    "ControlTablesSettings.FullLoadExceptionTableEnabled": (
        "DMS-TABLES reports the rows that could not be loaded, with or without the table"
    ),
    "StreamBufferSettings.StreamBufferCount": _SPEED,
    "StreamBufferSettings.StreamBufferSizeInMB": _SPEED,
    "StreamBufferSettings.CtrlStreamBufferSizeInMB": _SPEED,
    "ChangeProcessingTuning.BatchApplyPreserveTransaction": "has an effect on Oracle targets only",
    "ChangeProcessingTuning.BatchApplyTimeoutMin": _TRANSACTIONS,
    "ChangeProcessingTuning.BatchApplyTimeoutMax": _TRANSACTIONS,
    "ChangeProcessingTuning.BatchApplyMemoryLimit": _TRANSACTIONS,
    "ChangeProcessingTuning.BatchSplitSize": _TRANSACTIONS,
    "ChangeProcessingTuning.MinTransactionSize": _TRANSACTIONS,
    "ChangeProcessingTuning.CommitTimeout": _TRANSACTIONS,
    "ChangeProcessingTuning.MemoryLimitTotal": "changes beyond the limit are written to disk",
    "ChangeProcessingTuning.MemoryKeepTime": "changes beyond the limit are written to disk",
    "ChangeProcessingTuning.StatementCacheSize": _SPEED,
    "ChangeProcessingTuning.RecoveryTimeout": _RESTART,
    "ValidationSettings.ThreadCount": _SPEED,
    "ValidationSettings.PartitionSize": _SPEED,
    "ValidationSettings.FailureMaxCount": _FAILED,
    "ValidationSettings.TableFailureMaxCount": _FAILED,
    "ValidationSettings.RecordFailureDelayInMinutes": _PENDING,
    "ValidationSettings.RecordFailureDelayLimitInMinutes": _PENDING,
    "ValidationSettings.RecordSuspendDelayInMinutes": _PENDING,
    "ValidationSettings.ValidationQueryCdcDelaySeconds": _PENDING,
    "ValidationSettings.MaxKeyColumnSize": (
        "a table with a longer key is not validated, which its state in DMS-TABLES shows"
    ),
    "ResyncSettings.ResyncSchedule": "has an effect with EnableResync only",
    "ResyncSettings.MaxResyncTime": "has an effect with EnableResync only",
    "ErrorBehavior.DataErrorEscalationCount": _ESCALATION,
    "ErrorBehavior.TableErrorEscalationCount": _ESCALATION,
    "ErrorBehavior.ApplyErrorEscalationCount": _ESCALATION,
    "ErrorBehavior.RecoverableErrorCount": _RESTART,
    "ErrorBehavior.RecoverableErrorInterval": _RESTART,
    "ErrorBehavior.RecoverableErrorThrottling": _RESTART,
    "ErrorBehavior.RecoverableErrorThrottlingMax": _RESTART,
    "ErrorBehavior.RecoverableErrorStopRetryAfterThrottlingMax": _RESTART,
    "ErrorBehavior.FailOnNoTablesCaptured": "DMS-TABLES reports each table that is not moved",
    "ErrorBehavior.FailOnTransactionConsistencyBreached": (
        "has an effect on Oracle sources only; open transactions are judged"
    ),
    "ErrorBehavior.DataMaskingErrorPolicy": "mapping rules that mask data are refused",
    "BeforeImageSettings": _OTHER_TARGETS,
    "PostProcessingRules": _OTHER_TARGETS,
    "TTSettings": "copies changes to Amazon S3 as well",
    "FailTaskWhenCleanTaskResourceFailed": "about the time after the task",
    "endpoint.AuthenticationMethod": _CONNECTION,
    "endpoint.BabelfishDatabaseName": "has an effect with DatabaseMode only",
    "endpoint.DatabaseName": _CONNECTION,
    "endpoint.DdlArtifactsSchema": "has an effect with CaptureDdls only",
    "endpoint.DisableUnicodeSourceFilter": "mapping rules with filters are refused",
    "endpoint.ExecuteTimeout": (
        "a statement that takes longer fails, and its table or the task with it, which DMS-TABLES "
        "and DMS-TASK report"
    ),
    "endpoint.HeartbeatFrequency": "has an effect with HeartbeatEnable only",
    "endpoint.HeartbeatSchema": "has an effect with HeartbeatEnable only",
    "endpoint.MaxFileSize": _SPEED,
    "endpoint.Password": _CONNECTION,
    "endpoint.PluginName": "each plugin decodes every change of a table that has a key",
    "endpoint.Port": _CONNECTION,
    "endpoint.SecretsManagerAccessRoleArn": _CONNECTION,
    "endpoint.SecretsManagerSecretId": _CONNECTION,
    "endpoint.ServerName": _CONNECTION,
    "endpoint.ServiceAccessRoleArn": _CONNECTION,
    "endpoint.SlotName": "the slot must exist before the load; see MigrationType for cdc tasks",
    "endpoint.Username": _CONNECTION,
    "target endpoint.CaptureDdls": _SOURCES,
    "target endpoint.FailTasksOnLobTruncation": _SOURCES,
    "target endpoint.HeartbeatEnable": _SOURCES,
    "target endpoint.MapJsonbAsClob": _SOURCES,
    "target endpoint.MapLongVarcharAs": _SOURCES,
    "target endpoint.MapUnboundedNumericAsString": _SOURCES,
}
