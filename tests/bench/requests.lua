-- Sends the requests of a file in turn, over and over, and tells in one line what became of them.
-- wrk … -s requests.lua URL -- METHOD FILE HEADER VALUE …; the file has a path and perhaps a body, apart by a tab, in each line

local requests = {}
local turn = 0

function init(arguments)
  local method, file = arguments[1], arguments[2]
  local headers = {}
  for index = 3, #arguments, 2 do
    headers[arguments[index]] = arguments[index + 1]
  end
  for line in io.lines(file) do
    local path, body = line:match("^([^\t]*)\t?(.*)$")
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(95), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
