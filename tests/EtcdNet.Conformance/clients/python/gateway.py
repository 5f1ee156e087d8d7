"""A walk through python-etcd3gw, which speaks to the JSON gateway; every line printed is compared by the test that runs this."""
import sys
import threading

from etcd3gw import exceptions
from etcd3gw.client import Etcd3Client

host, port = sys.argv[1].split(":")
client = Etcd3Client(host=host, port=int(port), timeout=10, api_path=sys.argv[2])
prefix = sys.argv[3]


def say(name, *values):
    print(name, *values, flush=True)


def text(values):
    return [v.decode() for v in values]


def pairs(found):
    return [(m["key"].decode(), v.decode(), m.get("version")) for v, m in found]


# put, get, prefix
say("put", client.put(prefix + "a", "1"), client.put(prefix + "b", "2"), client.put(prefix + "b", "3"))
say("get", text(client.get(prefix + "a")), client.get(prefix + "none"))
say("meta", pairs(client.get(prefix + "b", metadata=True)))
say("prefix", pairs(client.get_prefix(prefix)))
say("sorted", pairs(client.get_prefix(prefix, sort_order="descend", sort_target="value")))
client.put(prefix + "empty", "")
say("empty", text(client.get(prefix + "empty")))
client.put(prefix + "binary", b"\x00\xff\xfe")
say("binary", client.get(prefix + "binary"))

# compare and swap
say("create", client.create(prefix + "a", "x"), client.create(prefix + "c", "3"))
say("replace", client.replace(prefix + "a", "0", "x"), client.replace(prefix + "a", "1", "one"), text(client.get(prefix + "a")))

# watch: live, and history with an end
iterator, cancel = client.watch_prefix(prefix)
seen = []
# A watcher tells nothing of when it has begun, so the key is written until the first event has come.
begun = threading.Event()


def write():
    while not begun.wait(0.05):
        client.put(prefix + "live", "again")
    client.delete(prefix + "live")


writer = threading.Thread(target=write)
writer.start()
for event in iterator:
    kind = event.get("type", "PUT")
    if not seen or seen[-1][0] != kind:
        seen.append((kind, event["kv"]["key"].decode(), event["kv"].get("value", b"").decode()))
    begun.set()
    if kind == "DELETE":
        break
cancel()
writer.join()
say("watch", seen)
revision = int(client.get(prefix + "c", metadata=True)[0][1]["mod_revision"])
once = client.watch_once(prefix + "c", timeout=10, start_revision=revision)
say("history", once["kv"]["key"].decode(), once["kv"]["value"].decode())
try:
    client.watch_once(prefix + "c", timeout=0.2)
except exceptions.WatchTimedOut:
    say("quiet")

# delete
say("delete", client.delete(prefix + "a"), client.delete(prefix + "a"))

# lease
lease = client.lease(600)
client.put(prefix + "leased", "x", lease=lease)
say("lease", 590 < lease.ttl() <= 600, text(lease.keys()), lease.refresh())
say("revoke", lease.revoke(), client.get(prefix + "leased"), lease.refresh())

# lock
lock, other = client.lock(prefix + "mutex", ttl=60), client.lock(prefix + "mutex", ttl=60)
say("lock", lock.acquire(), other.acquire(), lock.is_acquired(), other.is_acquired(), lock.refresh())
say("release", other.release(), lock.release(), other.acquire(), other.release())
with client.lock(prefix + "mutex") as held:
    say("held", held.is_acquired())
say("free", held.is_acquired())

# status, members
status = client.status()
say("status", status["version"], status["leader"] == status["header"]["member_id"], int(status["dbSize"]) > 0)
say("members", [(m["name"], m["clientURLs"], m["peerURLs"]) for m in client.members()])

# errors
for broken in (
    lambda: client.put(prefix + "x", "y", lease=type("Gone", (), {"id": 4711})),
    lambda: client.transaction({"success": [{"request_range": {"key": "YQ==", "revision": 1000000}}]}),
    lambda: client.post(client.get_url("/no/such/call"), json={}),
    lambda: client.post(client.get_url("/kv/put"), data="not json"),
):
    try:
        broken()
    except exceptions.Etcd3Exception as error:
        say("error", type(error).__name__, error.args)

say("delete prefix", client.delete_prefix(prefix), client.get_prefix(prefix))
