"""kazoo against a ZooKeeper server: zookeeper-server-kazoo.py HOST:PORT. Says "restart" and waits for a line when the
server is to be restarted. Ends with "ok"."""

import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    NodeExistsError,
    NoAuthError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
)
from kazoo.protocol.states import EventType
from kazoo.security import make_digest_acl

hosts = sys.argv[1]
zk = KazooClient(hosts=hosts, timeout=8)
zk.start(timeout=10)
other = KazooClient(hosts=hosts, timeout=8)
other.start(timeout=10)

assert zk.server_version()[:2] == (3, 8), zk.server_version()
assert zk.command(b"ruok") == "imok"

# Znodes.
assert zk.create("/k/deep/er", b"x", makepath=True) == "/k/deep/er"
assert zk.create("/k/s-", sequence=True, ephemeral=True) == "/k/s-0000000001"
path, stat = zk.create("/k/two", b"abc", include_data=True)
assert (path, stat.dataLength, stat.version) == ("/k/two", 3, 0)
data, stat = zk.get("/k/two")
assert data == b"abc"
assert zk.set("/k/two", b"d", version=0).version == 1
for error, call in [
    (BadVersionError, lambda: zk.set("/k/two", b"", version=0)),
    (NodeExistsError, lambda: zk.create("/k/two")),
    (NoNodeError, lambda: zk.get("/k/none")),
    (NotEmptyError, lambda: zk.delete("/k")),
]:
    try:
        call()
        raise SystemExit(f"no {error.__name__}")
    except error:
        pass
assert sorted(zk.get_children("/k")) == ["deep", "s-0000000001", "two"]
assert zk.exists("/k/none") is None
assert zk.sync("/k") == "/k"

# Watches.
seen = []
arrived = threading.Event()


def watch(event):
    seen.append((event.type, event.path))
    arrived.set()


zk.get("/k/two", watch=watch)
other.set("/k/two", b"changed")
assert arrived.wait(5)
assert seen == [(EventType.CHANGED, "/k/two")], seen
lists = []
three = threading.Event()


@zk.ChildrenWatch("/k/deep")
def children(names):
    lists.append(sorted(names))
    if "b" in names:
        three.set()


other.create("/k/deep/a")
other.create("/k/deep/b")
assert three.wait(5)

# Access control.
other.add_auth("digest", "me:secret")
other.create("/k/mine", b"", acl=[make_digest_acl("me", "secret", all=True)])
try:
    zk.get("/k/mine")
    raise SystemExit("no NoAuthError")
except NoAuthError:
    pass
zk.add_auth("digest", "me:secret")
assert zk.get_acls("/k/mine")[0][0].id.scheme == "digest"

# Transactions.
t = zk.transaction()
t.create("/k/t", b"1")
t.set_data("/k/t", b"2")
t.check("/k/t", 1)
t.create("/k/t/x")
t.delete("/k/t/x")
results = t.commit()
assert results[0] == "/k/t" and results[1].version == 1 and results[4] is True, results
t = zk.transaction()
t.create("/k/u")
t.check("/k/t", 7)
t.create("/k/v")
results = t.commit()
assert isinstance(results[0], RolledBackError) and isinstance(results[1], BadVersionError), results
assert zk.exists("/k/u") is None

# Recipes.
order = []
lock = zk.Lock("/k/lock", "zk")
rival = other.Lock("/k/lock", "other")
assert lock.acquire(timeout=5)


def compete():
    with rival:
        order.append("other")


thread = threading.Thread(target=compete)
thread.start()
while len(other.get_children("/k/lock")) < 2:
    pass
order.append("zk")
lock.release()
thread.join(10)
assert order == ["zk", "other"], order

elected = []
first = threading.Event()
go = threading.Event()


def lead(name):
    elected.append(name)
    first.set()
    go.wait(10)


threads = [
    threading.Thread(target=client.Election("/k/election", name).run, args=(lead, name))
    for client, name in [(zk, "zk"), (other, "other")]
]
for thread in threads:
    thread.start()
assert first.wait(5)
while len(zk.get_children("/k/election")) < 2:
    pass
assert len(elected) == 1, elected
go.set()
for thread in threads:
    thread.join(10)
assert sorted(elected) == ["other", "zk"], elected

queue = zk.LockingQueue("/k/queue")
queue.put_all([b"a", b"b"])
assert queue.get(5) == b"a" and queue.consume()
counter = zk.Counter("/k/counter")
counter += 3
counter -= 1
assert other.Counter("/k/counter").value == 2
barrier = zk.DoubleBarrier("/k/barrier", 2)
partner = other.DoubleBarrier("/k/barrier", 2)
thread = threading.Thread(target=partner.enter)
thread.start()
barrier.enter()
thread.join(10)
assert barrier.participating and partner.participating

# A restart: the session and its ephemerals stay (kazoo itself forgets its watches when it is disconnected).
session = zk.client_id[0]
states = []
back = threading.Event()


def listener(state):
    states.append(state)
    if state == KazooState.CONNECTED:
        back.set()
    else:
        back.clear()


zk.create("/k/ephemeral", ephemeral=True)
zk.add_listener(listener)
print("restart", flush=True)
sys.stdin.readline()
assert back.wait(10), states
assert KazooState.LOST not in states, states
assert zk.client_id[0] == session
assert zk.get("/k/ephemeral")[1].ephemeralOwner == session
arrived.clear()
seen.clear()
assert zk.exists("/k/later", watch=watch) is None
other.retry(other.create, "/k/later")
assert arrived.wait(5)
assert seen == [(EventType.CREATED, "/k/later")], seen

zk.stop()
assert other.retry(other.exists, "/k/ephemeral") is None
other.delete("/k", recursive=True)
other.stop()
print("ok", flush=True)
