-- Loans with an instalment that is at most three days late.
SELECT loan_id, borrower, instalment, days_late, mobile
FROM loans
WHERE days_late BETWEEN 1 AND 3
