-- One lead in each request, each another one. wrk -s intake.lua ADDRESS -- KEY
local thread_number = 0
function setup(thread)
    thread_number = thread_number + 1
    thread:set("number", thread_number)
end

function init(args)
    n = 0
    started = os.time()
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = "Bearer " .. args[1]
end

function request()
    n = n + 1
    local person = string.format("%d.%d.%d", started, number, n)
    return wrk.format(nil, nil, nil, '{"first_name": "Person", "last_name": "' .. person .. '", "email": "' .. person ..
        '@example.com", "company_name": "Company ' .. person .. '", "message": "Please call me about the offer."}')
end

function done(summary, latency, requests)
    local errors = summary.errors
    print(string.format("result %.1f %.2f %.2f %d", summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
        latency:percentile(99) / 1000, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
