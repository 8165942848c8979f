#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
struct Base { virtual ~Base() { std::cout << "~Base\n"; } virtual int f() const = 0; };
struct D : Base { int x; explicit D(int v) : x(v) {} int f() const override { if (x > 2) throw std::out_of_range("big"); return x; } };
int main()
{
    std::vector<std::unique_ptr<Base>> v;
    for (int i = 0; i < 4; i++) v.push_back(std::make_unique<D>(i));
    for (auto &p : v) { try { std::cout << p->f() << '\n'; } catch (const std::exception &e) { std::cout << "caught " << e.what() << '\n'; } }
    std::map<std::string, int> m;
    for (auto w : { "b", "a", "b" }) m[w]++;
    for (auto &[k, n] : m) std::cout << k << n << ' ';
    std::atomic<int> c{ 0 };
    std::vector<std::thread> ts;
    for (int i = 0; i < 8; i++) ts.emplace_back([&] { for (int j = 0; j < 1000; j++) c++; });
    for (auto &t : ts) t.join();
    auto f = std::async(std::launch::async, [] { return 6 * 7; });
    std::cout << c << ' ' << f.get() << ' ' << std::regex_replace("a1b2", std::regex("[0-9]"), "#") << '\n';
    std::vector<double> d(1000);
    for (size_t i = 0; i < d.size(); i++) d[i] = double((i * 7919) % 1000) / 3;
    std::sort(d.begin(), d.end());
    std::cout.precision(12);
    std::cout << d[10] << ' ' << d[999] << std::endl;
    try { std::thread([] { try { throw 1; } catch (int) { std::cout << "in thread\n"; } }).join(); throw std::string("s"); } catch (std::string &s) { std::cout << s << '\n'; }
}
