// Runs one Node.js handler once. The event comes on standard input; what the sandbox must hear goes, a JSON object
// a line, to the descriptor that DELIVERKIT_FUNCTION_REPLY names. What the handler prints is its log.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const reply = Number(process.env.DELIVERKIT_FUNCTION_REPLY);
delete process.env.DELIVERKIT_FUNCTION_REPLY;

function tell(message) {
  fs.writeSync(reply, JSON.stringify(message) + "\n");
}

function finish(message) {
  tell(message);
  process.exit(0);
}

function failure(error) {
  const isError = error instanceof Error;
  const errorType = isError ? error.name : typeof error;
  const trace = isError && error.stack ? error.stack.split("\n") : [];
  return { error: { errorType, errorMessage: isError ? error.message : String(error), trace } };
}

function isMissing(file) {
  return !fs.existsSync(file);
}

async function load(handler) {
  const at = handler.lastIndexOf(".");
  const base = path.join(process.env.LAMBDA_TASK_ROOT, handler.slice(0, at));
  const file = [".mjs", ".js", ".cjs"].map((end) => base + end).find((each) => !isMissing(each));
  if (file === undefined) {
    const errorMessage = `Error: Cannot find module '${path.basename(base)}'`;
    return { error: { errorType: "Runtime.ImportModuleError", errorMessage, trace: [] } };
  }
  const module = await import(pathToFileURL(file).href);
  const name = handler.slice(at + 1);
  const found = module[name] ?? module.default?.[name];
  if (typeof found !== "function") {
    const errorMessage = `${handler} is undefined or not exported`;
    return { error: { errorType: "Runtime.HandlerNotFound", errorMessage, trace: [] } };
  }
  return found;
}

function contextOf(told) {
  const end = Date.now() + told.timeout * 1000;
  return {
    functionName: told.name,
    functionVersion: told.version,
    invokedFunctionArn: told.arn,
    memoryLimitInMB: String(told.memory),
    awsRequestId: told.request_id,
    logGroupName: told.log_group,
    logStreamName: told.log_stream,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, end - Date.now()),
  };
}

function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const answered = handler(event, context, (error, result) => (error ? reject(error) : resolve(result)));
    if (answered && typeof answered.then === "function") {
      answered.then(resolve, reject);
    } else if (handler.length < 3) {
      resolve(answered);
    }
  });
}

async function main() {
  const told = JSON.parse(fs.readFileSync(0, "utf8"));
  const handler = await load(told.handler);
  if (typeof handler !== "function") {
    finish(handler);
  }
  tell({ loaded: true });
  const result = await call(handler, told.event, contextOf(told));
  finish({ result: JSON.stringify(result === undefined ? null : result) });
}

process.on("uncaughtException", (error) => {
  console.error(error);
  finish(failure(error));
});
main().catch((error) => {
  console.error(error);
  finish(failure(error));
});
