// class: call. C++ exceptions, virtual methods, std::function.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>
struct Node { virtual ~Node() {} virtual long eval(long x) const = 0; };
struct Const : Node { long v; Const(long c) : v(c) {} long eval(long) const override { return v; } };
struct Var : Node { long eval(long x) const override { return x; } };
struct Add : Node { std::unique_ptr<Node> a, b; Add(Node *p, Node *q) : a(p), b(q) {} long eval(long x) const override { return a->eval(x) + b->eval(x); } };
struct Mul : Node { std::unique_ptr<Node> a, b; Mul(Node *p, Node *q) : a(p), b(q) {} long eval(long x) const override { return a->eval(x) * b->eval(x); } };
static long thrower(long n) { if (n % 16 == 0) throw std::runtime_error("x"); return n; }
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 1000000, s = 0;
    for (long i = 0; i < n; i++) { try { s += thrower(i); } catch (const std::exception &e) { s += e.what()[0]; } }
    std::unique_ptr<Node> t(new Add(new Mul(new Var, new Add(new Var, new Const(3))), new Mul(new Const(5), new Var)));
    for (long i = 0; i < n * 30; i++) s += t->eval(i & 1023);
    std::vector<std::function<long(long)>> f;
    for (long k = 0; k < 8; k++) f.push_back([k](long x) { return x * k + 1; });
    for (long i = 0; i < n * 50; i++) s += f[i & 7](i);
    printf("%ld\n", s);
}
