-- What `cargo xtask bench-gateway` has wrk do: arguments are the shortest and the longest pause before a request, in
-- milliseconds; without any there is no pause.
function init(args)
  if args[1] then
    local shortest, longest = tonumber(args[1]), tonumber(args[2])
    delay = function() return math.random(shortest, longest) end
  end
end

function done(summary, latency)
  local errors, all = summary.errors, 0
  for _, name in ipairs({ "connect", "read", "write", "status", "timeout" }) do all = all + errors[name] end
  print(string.format("load %d %d %d %d %d %d", summary.requests, summary.duration, all,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
