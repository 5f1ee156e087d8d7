"""A walk through python-etcd3 against one server; every line printed is compared by the test that runs this."""
import sys
import threading

import etcd3

host, port = sys.argv[1].split(":")
client = etcd3.client(host=host, port=int(port), timeout=10)


def say(name, *values):
    print(name, *values, flush=True)


def text(value):
    return None if value is None else value.decode()


# put, get, prefix
client.put("py/a", "1")
client.put("py/b", "2")
value, meta = client.get("py/a")
say("get", text(value), text(meta.key), meta.version, meta.mod_revision - meta.create_revision)
say("get missing", client.get("py/none")[0])
say("prefix", [(text(m.key), text(v)) for v, m in client.get_prefix("py/")])
say("sorted", [text(m.key) for _, m in client.get_prefix("py/", sort_order="descend", sort_target="key")])
say("range", [text(m.key) for _, m in client.get_range("py/a", "py/b")])
say("keys only", [(text(m.key), text(v)) for v, m in client.get_prefix("py/", keys_only=True)])
say("previous", text(client.put("py/b", "2", prev_kv=True).prev_kv.value))
response = client.get_response("py/a", serializable=True)
say("response", response.count, response.more, response.header.revision >= response.kvs[0].mod_revision)
say("all", {"py/a", "py/b"} <= {text(m.key) for _, m in client.get_all(keys_only=True)})

# compare and swap
say("create", client.put_if_not_exists("py/a", "x"), client.put_if_not_exists("py/c", "3"))
say("replace", client.replace("py/a", "0", "x"), client.replace("py/a", "1", "one"))
done, answers = client.transaction(
    compare=[client.transactions.value("py/a") == "one", client.transactions.version("py/c") > 0],
    success=[client.transactions.put("py/d", "4"), client.transactions.get("py/a"), client.transactions.delete("py/c")],
    failure=[client.transactions.put("py/failed", "x")],
)
say("txn", done, text(answers[1][0][0]))

# watch: history and live
revision = client.get("py/d")[1].mod_revision
events, cancel = client.watch_prefix("py/", start_revision=revision)
thread = threading.Timer(0, lambda: client.put("py/live", "5"))
thread.start()
seen = []
for event in events:
    seen.append((type(event).__name__, text(event.key), text(event.value)))
    if event.key == b"py/live":
        break
cancel()
say("watch", seen)

# watch: by callback, once, until a time
called = threading.Event()
watch_id = client.add_watch_prefix_callback("py/called/", lambda response: called.set())
client.put("py/called/1", "x")
say("callback", called.wait(10))
client.cancel_watch(watch_id)
client.delete_prefix("py/called/")
revision = client.put("py/once", "6").header.revision
say("once", text(client.watch_once("py/once", timeout=10, start_revision=revision).value))
client.delete("py/once")
try:
    client.watch_once("py/once", timeout=0.2)
except etcd3.exceptions.WatchTimedOut:
    say("quiet")

# delete
say("delete", client.delete("py/a"), client.delete("py/a"))
say("delete prefix", client.delete_prefix("py/").deleted)

# lease
lease = client.lease(600)
client.put("py/leased", "x", lease=lease)
say("lease", lease.granted_ttl, 590 < lease.remaining_ttl <= 600, [text(k) for k in lease.keys])
say("refresh", [r.TTL for r in lease.refresh()])
info = client.get_lease_info(lease.id)
say("info", info.grantedTTL, [text(k) for k in info.keys])
lease.revoke()
say("revoked", client.get("py/leased")[0], client.get_lease_info(lease.id).TTL, [r.TTL for r in client.refresh_lease(lease.id)])
chosen = client.lease(700, lease_id=4712)
say("chosen", chosen.id, chosen.granted_ttl)
client.revoke_lease(4712)

# lock
with client.lock("py/mutex", ttl=30) as lock:
    say("lock", lock.is_acquired())
    say("refreshed", [r.TTL for r in lock.refresh()])
say("unlocked", lock.is_acquired())
other = client.lock("py/mutex", ttl=30)
say("next", other.acquire(), other.release())

# compaction
client.put("py/old", "1")
client.put("py/old", "2")
client.compact(client.get("py/old")[1].mod_revision, physical=True)
say("compacted", text(client.get("py/old")[0]))

# status, members
status = client.status()
say("status", status.version, status.leader.name, status.db_size > 0, status.raft_index > 0, status.raft_term > 0)
say("members", [(m.name, list(m.client_urls), list(m.peer_urls)) for m in client.members])
say("hash", isinstance(client.hash(), int))
say("alarms", [str(a) for a in client.list_alarms()])
raised = client.create_alarm()
say("raised", [a.alarm_type for a in raised], [a.alarm_type for a in client.list_alarms()])
try:
    client.put("py/full", "x")
except Exception as error:
    say("full", error.code().name, error.details())
client.disarm_alarm()
say("disarmed", list(client.list_alarms()))
say("defragment", client.defragment())
member = next(client.members)
say("update", client.update_member(member.id, member.peer_urls))

# errors
try:
    client.put("py/x", "y", lease=4711)
except etcd3.exceptions.Etcd3Exception as error:
    say("error", type(error).__name__)
except Exception as error:
    say("error", error.code().name, error.details())
