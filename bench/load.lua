-- The requests for wrk: those of a plan (a file of `METHOD PATH [BODY]` lines), in order, from a starting place; a `?` in
-- a body is a digit from 1 to 9 that changes with each pass.
--
--     wrk … -s load.lua URL -- PLAN PLACE [REQUESTS_A_SECOND]
--
-- With a rate, each thread sends at fixed times, whether or not earlier responses have arrived. Prints one line of JSON
-- at the end.

local threads = 0

function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

local requests, bodies, at, pass = {}, {}, 0, 0
local interval, due, clock

function init(args)
   for line in io.lines(args[1]) do
      local method, path, body = line:match("^(%u+) (%S+) ?(.*)$")
      local headers = body ~= "" and { ["Content-Type"] = "application/json" } or nil
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
      bodies[#bodies + 1] = body:find("?", 1, true) ~= nil
   end
   at = (tonumber(args[2]) + number * math.floor(#requests / 2)) % #requests
   pass = tonumber(args[2]) + number
   if args[3] then
      local ffi = require("ffi")
      ffi.cdef("typedef struct { long s; long ns; } bench_time; int clock_gettime(int, bench_time *);")
      local now = ffi.new("bench_time")
      clock = function()
         ffi.C.clock_gettime(1, now)
         return tonumber(now.s) * 1e3 + tonumber(now.ns) / 1e6
      end
      -- wrk tells a script nothing of how many threads there are: the harness always starts two.
      interval = 2e3 / tonumber(args[3])
      due = clock()
      delay = function()
         due = due + interval
         return math.max(0, due - clock())
      end
   end
end

function request()
   at = at + 1
   if at > #requests then
      at = 1
      pass = pass + 1
   end
   if not bodies[at] then
      return requests[at]
   end
   local before, after = requests[at]:match("^(.*)%?(.*)$")
   return before .. (pass % 9 + 1) .. after
end

function done(summary, latency)
   local e = summary.errors
   local form = '{"requests":%d,"micros":%d,"bytes":%d,"failed":%d,"refused":%d,"p50":%d,"p99":%d}\n'
   io.write(string.format(form, summary.requests, summary.duration, summary.bytes,
      e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(50), latency:percentile(99)))
end
