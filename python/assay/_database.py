"""placeholder"""
class BacktestDataLoader: pass
class ParquetDB: pass
