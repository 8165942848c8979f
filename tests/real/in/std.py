import array, bisect, collections, ctypes, datetime, decimal, fractions, hashlib, heapq, io, itertools, json, math, os
import random, re, sqlite3, struct, subprocess, sys, tempfile, zlib
print(sys.platform, sys.maxsize, sys.byteorder)
print(hashlib.sha256(b"x" * 100000).hexdigest(), hashlib.blake2b(b"y").hexdigest()[:16], zlib.crc32(b"abc" * 1000))
print(json.dumps({"a": [1, 2.5, None, True, "\u20ac"]}, sort_keys=True), json.loads("[1e400, -0.0, 1e-320]"))
decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), fractions.Fraction(3, 7) ** 5)
print(math.fsum([.1] * 10), math.gamma(5.5), math.erf(.3), math.hypot(3, 4), 10 ** 50 % 97, pow(3, 10 ** 6, 10 ** 9 + 7))
random.seed(7)
print([random.randint(0, 10 ** 6) for _ in range(5)], random.gauss(0, 1))
print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world foo bar"), re.findall(r"\b\w{5}\b", "seven eight nine tenth"))
print(collections.Counter("mississippi").most_common(2), list(itertools.permutations("abc"))[3])
print(struct.pack("<hIqd", -2, 7, -9, 1.5).hex(), array.array("d", [1.5, 2.5]).tobytes().hex())
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values (?, ?)", ((i, i * i) for i in range(1000)))
print(db.execute("select sum(b), avg(a) from t where a % 3 = 0").fetchone())
print(subprocess.run(["sh", "-c", "cat; exit 5"], input=b"piped", capture_output=True))
print(subprocess.check_output([sys.executable, "-c", "print(6*7)"]))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print("ENOENT", e.errno)
libc = ctypes.CDLL(None)
print(libc.abs(-5), ctypes.c_double(1.5), libc.strlen(b"hello"))
libc.qsort.restype = None
CMP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
arr = (ctypes.c_int * 5)(5, 1, 4, 2, 3)
libc.qsort(arr, 5, 4, CMP(lambda a, b: a[0] - b[0]))
print(list(arr))
print(datetime.datetime.fromtimestamp(1700000000, datetime.timezone.utc).isoformat())
with tempfile.TemporaryDirectory() as d:
    p = os.path.join(d, "f")
    open(p, "w").write("data\n" * 3)
    print(os.stat(p).st_size, os.listdir(d), open(p).readlines())
class A:
    def __del__(self): print("del")
a = A(); del a
def gen():
    x = yield 1
    print("got", x)
    yield 2
g = gen(); print(next(g), g.send("s"))
print(sum(i * i for i in range(200000)), sorted([3.2, -1, float("inf")]), 0.1 + 0.2, 1e23, float("1.7976931348623157e308"))
pid = os.fork()
if pid == 0:
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
